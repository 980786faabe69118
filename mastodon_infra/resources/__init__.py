"""The plan as Pulumi components: network, secrets, nodes, media, edge and mail.

The only floor that speaks to providers. It receives slices of the plan and decides nothing.
"""
