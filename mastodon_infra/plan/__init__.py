"""Every decision, and no effect: ``plan_instance(spec)`` gives the whole ``InstancePlan`` as pure data.

Names, addresses, placement, firewall rules, budgets and tuning are settled here, each with its rule, its
inputs and its source. The floors above carry them out; whatever is not in the plan is not decided.
"""
