package console

// Reports is what the page asks for.
type Reports interface{}

func (c *Console) reportsPage() {
	if c.src.Reports == nil {
		return
	}
}
