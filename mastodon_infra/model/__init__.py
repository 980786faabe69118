"""What the operator may say: one frozen, closed sentence about an instance, without any secret.

Everything here is pure: no file, clock or cloud is read. Laws that need the catalog live in ``plan.feasibility``.
"""
