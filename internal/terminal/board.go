package terminal

import (
	"context"

	"slipway/api/slipway"
	"slipway/internal/view"
)

// Board is where every change is, as `slipway watch` draws it.
type Board struct {
	Pipelines []*Pipeline
	Known     *view.Board
	Detailed  bool // with every action
}

// Reader reads boards.
type Reader struct {
	Slipway slipway.API
	Name    string // of the one pipeline to show; "" for all
}

// Topics are what the board changes with.
func (r *Reader) Topics() []string {
	if r.Name != "" {
		return []string{"pipeline/" + r.Name, "releases", "deployments"}
	}
	return []string{"pipelines", "releases", "deployments"}
}

// Read reads the board as it is now.
func (r *Reader) Read(ctx context.Context) (*Board, error) {
	var names []string
	if r.Name != "" {
		names = []string{r.Name}
	}
	b := &Board{Detailed: r.Name != ""}
	var err error
	if b.Pipelines, err = Pipelines(ctx, r.Slipway, names...); err != nil {
		return nil, err
	}
	b.Known, err = view.ReadBoard(ctx, r.Slipway, b.Pipelines...)
	return b, err
}
