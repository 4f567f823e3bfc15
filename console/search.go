package console

// Search is what the page asks for.
type Search interface{}

func (c *Console) searchPage() {
	if c.src.Search == nil {
		return
	}
}
