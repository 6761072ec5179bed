package main

import (
	"slipway/internal/terminal"
	"slipway/internal/view"
)

// commitCell is the commit of a change.
func commitCell(c view.Change) terminal.Cell { return terminal.Text(view.Short(c.Commit)) }
