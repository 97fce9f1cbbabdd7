"""What plugins that change vectors share: reading and casting vectors, and predicting and measuring recall."""
