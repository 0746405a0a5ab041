"""Tables of numbers: CSV files as spreadsheets and lessons write them."""
