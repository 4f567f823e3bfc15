package console

// Cases is what the page asks for.
type Cases interface{}

func (c *Console) casesPage() {
	if c.src.Cases == nil {
		return
	}
}
