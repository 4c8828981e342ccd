"""Jobs: a long video in segments that are done anywhere, in any order, and joined as if there had been none."""
