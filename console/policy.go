package console

// Policy is what the page asks for.
type Policy interface{}

func (c *Console) policyPage() {
	if c.src.Policy == nil {
		return
	}
}
