package release

import (
	"context"

	"slipway/internal/store"
)

// GroupRenamed takes the release policy of a deployment group along to its new name, with the writes of tx: the next
// release would go without limits else.
func (s *Service) GroupRenamed(ctx context.Context, tx store.Tx, app, group, newApp, newGroup string) error {
	if err := s.GroupDeleted(ctx, tx, newApp, newGroup); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `UPDATE release_policies SET application = $3, grp = $4 WHERE application = $1 AND grp = $2`,
		app, group, newApp, newGroup)
	return err
}

// GroupDeleted forgets the release policy of a deployment group, so that a later group of the same name does not go by
// it.
func (s *Service) GroupDeleted(ctx context.Context, tx store.Tx, app, group string) error {
	_, err := tx.Exec(ctx, `DELETE FROM release_policies WHERE application = $1 AND grp = $2`, app, group)
	return err
}
