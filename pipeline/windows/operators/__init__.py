"""What keeps state between rows: windows, joins, and functions of the rows before."""
