package vault

import (
	"context"
	"time"

	"slipway/api/awsproto"
	"slipway/api/secretsmanager"
	"slipway/internal/store"
)

// DeleteSecret implements secretsmanager:DeleteSecret: after a time in which it can be restored, or at once.
func (s *Service) DeleteSecret(ctx context.Context,
	in *secretsmanager.DeleteSecretInput) (*secretsmanager.DeleteSecretOutput, error) {
	force, days := asked(in.ForceDeleteWithoutRecovery), int64(30)
	if in.RecoveryWindowInDays != nil {
		days = *in.RecoveryWindowInDays
	}
	switch {
	case force && in.RecoveryWindowInDays != nil:
		return nil, badParameter("You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.")
	case days < 7 || days > 30:
		return nil, badParameter("The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).")
	}
	now := s.Now()
	due := now.AddDate(0, 0, int(days))
	var x *secret
	err := s.db.Write(ctx, func(tx store.Tx) (err error) {
		if x, err = s.find(ctx, tx, *in.SecretId); err != nil {
			return err
		}
		if force {
			due = now
			return s.remove(ctx, tx, x)
		}
		if x.due > 0 {
			return badRequest("You can't perform this operation on the secret because it was already scheduled for " +
				"deletion.")
		}
		if _, err := tx.Exec(ctx, `UPDATE sm_secrets SET deleted = $2, due = $3 WHERE name = $1`, x.name,
			now.UnixMilli(), due.UnixMilli()); err != nil {
			return err
		}
		return tx.Enqueue(ctx, store.Job{Kind: deleteJob, Key: s.arn(x), RunAt: due})
	})
	if err != nil {
		return nil, err
	}
	return &secretsmanager.DeleteSecretOutput{ARN: new(s.arn(x)), Name: &x.name,
		DeletionDate: &awsproto.Time{Time: due}}, nil
}

// RestoreSecret implements secretsmanager:RestoreSecret. A secret that is not about to be deleted stays as it is.
func (s *Service) RestoreSecret(ctx context.Context,
	in *secretsmanager.RestoreSecretInput) (*secretsmanager.RestoreSecretOutput, error) {
	var x *secret
	err := s.db.Write(ctx, func(tx store.Tx) (err error) {
		if x, err = s.find(ctx, tx, *in.SecretId); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE sm_secrets SET deleted = 0, due = 0 WHERE name = $1`, x.name); err != nil {
			return err
		}
		return tx.Cancel(ctx, deleteJob, s.arn(x))
	})
	if err != nil {
		return nil, err
	}
	return &secretsmanager.RestoreSecretOutput{ARN: new(s.arn(x)), Name: &x.name}, nil
}

// remove deletes a secret with all that belongs to it.
func (s *Service) remove(ctx context.Context, tx store.Tx, x *secret) error {
	for _, of := range []string{"sm_stages WHERE secret", "sm_tags WHERE secret", "sm_versions WHERE secret",
		"sm_secrets WHERE name"} {
		if _, err := tx.Exec(ctx, `DELETE FROM `+of+` = $1`, x.name); err != nil {
			return err
		}
	}
	return tx.Cancel(ctx, deleteJob, s.arn(x))
}

// deleteDue deletes a secret whose time has come.
func (s *Service) deleteDue(ctx context.Context, j store.Running) (store.Outcome, error) {
	outcome := store.Done
	err := s.db.Write(ctx, func(tx store.Tx) error {
		outcome = store.Done
		x, err := s.lookup(ctx, tx, j.Key)
		if err != nil || x == nil || s.arn(x) != j.Key || x.due == 0 {
			return err
		}
		if due := time.UnixMilli(x.due); s.Now().Before(due) {
			outcome = store.Again(due)
			return nil
		}
		return s.remove(ctx, tx, x)
	})
	return outcome, err
}
