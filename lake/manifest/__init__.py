"""The manifest: the only truth about which file belongs to which snapshot."""
