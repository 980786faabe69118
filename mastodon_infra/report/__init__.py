"""Pictures and pages of a plan for people: the drawing of an instance as SVG and HTML."""
