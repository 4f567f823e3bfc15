package console

// Lines is what the page asks for.
type Lines interface{}

func (c *Console) linesPage() {
	if c.src.Lines == nil {
		return
	}
}
