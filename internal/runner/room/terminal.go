package room

import (
	"context"
	"io"
)

// Terminals is what a room has in which people can work on a terminal.
type Terminals interface {
	// Terminal starts a program in the room, beside its shell, on a terminal of its own. It may be called at any time
	// until Close, by several goroutines.
	Terminal(ctx context.Context, c Command, size Size) (Terminal, error)
}

// Size is the size of a terminal in characters.
type Size struct{ Cols, Rows uint16 }

// Terminal is a terminal with the program that has it.
type Terminal interface {
	// Read returns what the terminal shows, and io.EOF once the program and all that has the terminal have ended. Write
	// types.
	io.ReadWriter
	// Resize tells the program the size of the person's window.
	Resize(s Size) error
	// Wait waits for the program's end and returns its exit code.
	Wait() (int, error)
	// Close hangs up, kills what is left of the terminal's processes and returns when they are gone. Processes that
	// have left the terminal are killed with the room at the latest. A second call does nothing.
	Close() error
}
