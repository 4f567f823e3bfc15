package console

// Care is what the page asks for.
type Care interface{}

func (c *Console) carePage() {
	if c.src.Care == nil {
		return
	}
}
