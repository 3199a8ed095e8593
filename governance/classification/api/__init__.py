"""Classification over REST: parse, one service or query, render."""
