"""Reports as pages for a browser: one file each, without a script, and without anything from elsewhere.

``markup`` builds elements and escapes text; ``plots`` draws; ``page`` is the frame with its style; ``migration`` is the
page of a run. May import: ``report``. Must not know: servers, plugins, the command line.
"""
