//! The words of a violation: what, who says so, and what would help.
