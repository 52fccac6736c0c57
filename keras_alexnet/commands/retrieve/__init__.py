"""`retrieve`: pictures by content, in two parts."""

PARTS = {
    "build": "describes all pictures of a data set, and stores that",
    "query": "the nearest of them to other pictures",
}
