"""Which kinds of hostile cases there are, and how many of each the tests take."""

COUNTS = {
    "hostile_runs": 200,
    "hostile_records": 60,
    "hostile_servers": 160,
    "hostile_downloads": 160,
}
