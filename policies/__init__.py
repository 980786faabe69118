"""What no stack may do, whatever its program says: a policy pack for Pulumi's engine."""
