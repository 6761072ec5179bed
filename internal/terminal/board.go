package terminal

import (
	"context"

	"slipway/api/slipway"
	"slipway/internal/view"
)

// Board is where every change is, as `slipway watch` draws it.
type Board struct {
	*view.Board
	Detailed bool // with every action
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
	pipelines, err := view.ReadPipelines(ctx, r.Slipway, names...)
	if err != nil {
		return nil, err
	}
	known, err := view.ReadBoard(ctx, r.Slipway, pipelines...)
	return &Board{known, r.Name != ""}, err
}
