"""What plugins that change vectors share: reading them, finding their neighbours, and judging what is lost."""
