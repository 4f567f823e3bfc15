package console

// System is what the page asks for.
type System interface{}

func (c *Console) systemPage() {
	if c.src.System == nil {
		return
	}
}
