"""Requests and gold answers synthesised from a policy. Torch-free.

    gaps -> plan -> writing -> duplicates -> checking -> review file -> accepting -> training rows

One round writes what sections lack, and everything that comes of it goes into the review file, what cannot be used too:
the next round follows from rows and review file alone.
"""
