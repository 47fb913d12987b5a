//! Calendar days as they stand in objects.
