package key

import (
	"context"
	"time"

	"slipway/api/awsproto"
	"slipway/api/kms"
	"slipway/internal/store"
)

// ScheduleKeyDeletion implements kms:ScheduleKeyDeletion.
func (s *Service) ScheduleKeyDeletion(ctx context.Context,
	in *kms.ScheduleKeyDeletionInput) (*kms.ScheduleKeyDeletionOutput, error) {
	days := int32(limit(in.PendingWindowInDays, 30))
	if days < 7 || days > 30 {
		return nil, invalid("PendingWindowInDays must be a number from 7 to 30, and not %d", days)
	}
	at := s.Now().AddDate(0, 0, int(days))
	r, err := s.change(ctx, *in.KeyId, func(tx store.Tx, r *row) error {
		if err := r.alive(); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE kms_keys SET state = $2, deletion = $3 WHERE id = $1`, r.id,
			kms.KeyStatePendingDeletion, at.UnixMilli()); err != nil {
			return err
		}
		return tx.Enqueue(ctx, store.Job{Kind: deleteJob, Key: r.id, RunAt: at})
	})
	if err != nil {
		return nil, err
	}
	return &kms.ScheduleKeyDeletionOutput{
		KeyId:               r.Arn,
		DeletionDate:        &awsproto.Time{Time: at},
		KeyState:            kms.KeyStatePendingDeletion,
		PendingWindowInDays: &days,
	}, nil
}

// CancelKeyDeletion implements kms:CancelKeyDeletion. The key is disabled afterwards.
func (s *Service) CancelKeyDeletion(ctx context.Context,
	in *kms.CancelKeyDeletionInput) (*kms.CancelKeyDeletionOutput, error) {
	r, err := s.change(ctx, *in.KeyId, func(tx store.Tx, r *row) error {
		if r.state != kms.KeyStatePendingDeletion {
			return &kms.KMSInvalidStateException{Message: *r.Arn + " is not pending deletion."}
		}
		if _, err := tx.Exec(ctx, `UPDATE kms_keys SET state = $2, deletion = 0 WHERE id = $1`, r.id,
			kms.KeyStateDisabled); err != nil {
			return err
		}
		return tx.Cancel(ctx, deleteJob, r.id)
	})
	if err != nil {
		return nil, err
	}
	return &kms.CancelKeyDeletionOutput{KeyId: r.Arn}, nil
}

// deleteDue deletes a key whose time has come, with all that belongs to it. What was encrypted with it is lost.
func (s *Service) deleteDue(ctx context.Context, j store.Running) (store.Outcome, error) {
	outcome := store.Done
	err := s.db.Write(ctx, func(tx store.Tx) error {
		r, err := s.find(ctx, tx, j.Key)
		if awsproto.Code(err) == "NotFoundException" {
			return nil
		}
		if err != nil || r.state != kms.KeyStatePendingDeletion {
			return err
		}
		if due := time.UnixMilli(r.deletion); s.Now().Before(due) {
			outcome = store.Again(due)
			return nil
		}
		for _, table := range []string{"kms_materials", "kms_aliases", "kms_tags"} {
			if _, err := tx.Exec(ctx, `DELETE FROM `+table+` WHERE kms_key = $1`, r.id); err != nil {
				return err
			}
		}
		_, err = tx.Exec(ctx, `DELETE FROM kms_keys WHERE id = $1`, r.id)
		return err
	})
	return outcome, err
}
