package key

import (
	"context"
	"database/sql"
	"strconv"
	"time"

	"slipway/api/awsproto"
	"slipway/api/kms"
	"slipway/internal/store"
)

const (
	defaultPeriod = 365 // days
	maxOnDemand   = 25  // rotations on demand of a key, as at AWS
)

// setRotation has a key rotated every so many days; 0 for no more.
func (s *Service) setRotation(ctx context.Context, tx store.Tx, id string, days int32) error {
	next := int64(0)
	if days > 0 {
		next = s.Now().AddDate(0, 0, int(days)).UnixMilli()
	}
	if _, err := tx.Exec(ctx, `UPDATE kms_keys SET period = $2, next = $3 WHERE id = $1`, id, days, next); err != nil {
		return err
	}
	if err := tx.Cancel(ctx, rotateJob, id); err != nil || days == 0 {
		return err
	}
	return tx.Enqueue(ctx, store.Job{Kind: rotateJob, Key: id, RunAt: time.UnixMilli(next)})
}

// EnableKeyRotation implements kms:EnableKeyRotation.
func (s *Service) EnableKeyRotation(ctx context.Context,
	in *kms.EnableKeyRotationInput) (*kms.EnableKeyRotationOutput, error) {
	_, err := s.change(ctx, *in.KeyId, func(tx store.Tx, r *row) error {
		if err := r.usable(); err != nil {
			return err
		}
		days := int32(limit(in.RotationPeriodInDays, defaultPeriod))
		if r.period == days {
			return nil // the next rotation stays where it is
		}
		return s.setRotation(ctx, tx, r.id, days)
	})
	return nil, err
}

// DisableKeyRotation implements kms:DisableKeyRotation.
func (s *Service) DisableKeyRotation(ctx context.Context,
	in *kms.DisableKeyRotationInput) (*kms.DisableKeyRotationOutput, error) {
	_, err := s.change(ctx, *in.KeyId, func(tx store.Tx, r *row) error {
		if err := r.usable(); err != nil {
			return err
		}
		return s.setRotation(ctx, tx, r.id, 0)
	})
	return nil, err
}

// GetKeyRotationStatus implements kms:GetKeyRotationStatus.
func (s *Service) GetKeyRotationStatus(ctx context.Context,
	in *kms.GetKeyRotationStatusInput) (*kms.GetKeyRotationStatusOutput, error) {
	r, err := s.find(ctx, s.db, *in.KeyId)
	if err != nil {
		return nil, err
	}
	out := &kms.GetKeyRotationStatusOutput{KeyId: r.Arn, KeyRotationEnabled: new(r.period > 0)}
	if r.period > 0 {
		out.RotationPeriodInDays = &r.period
		out.NextRotationDate = &awsproto.Time{Time: time.UnixMilli(r.next)}
	}
	return out, nil
}

// RotateKeyOnDemand implements kms:RotateKeyOnDemand. The key encrypts with new material when it returns.
func (s *Service) RotateKeyOnDemand(ctx context.Context,
	in *kms.RotateKeyOnDemandInput) (*kms.RotateKeyOnDemandOutput, error) {
	r, err := s.change(ctx, *in.KeyId, func(tx store.Tx, r *row) error {
		if err := r.usable(); err != nil {
			return err
		}
		var n int
		if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM kms_materials WHERE kms_key = $1 AND kind = $2`, r.id,
			kms.RotationTypeOnDemand).Scan(&n); err != nil {
			return err
		}
		if n >= maxOnDemand {
			return &kms.LimitExceededException{Message: "A key can be rotated on demand 25 times."}
		}
		return s.rotate(ctx, tx, r.id, kms.RotationTypeOnDemand)
	})
	if err != nil {
		return nil, err
	}
	return &kms.RotateKeyOnDemandOutput{KeyId: r.Arn}, nil
}

func (s *Service) rotate(ctx context.Context, tx store.Tx, id string, kind kms.RotationType) error {
	var version int64
	if err := tx.QueryRow(ctx, `SELECT MAX(version) FROM kms_materials WHERE kms_key = $1`, id).Scan(
		&version); err != nil {
		return err
	}
	return s.addMaterial(ctx, tx, id, version+1, kind)
}

// rotateDue rotates a key whose time has come. A key that is disabled is rotated once it is enabled again.
func (s *Service) rotateDue(ctx context.Context, j store.Running) (store.Outcome, error) {
	outcome := store.Done
	err := s.db.Write(ctx, func(tx store.Tx) error {
		r, err := s.find(ctx, tx, j.Key)
		if awsproto.Code(err) == "NotFoundException" {
			return nil
		}
		if err != nil || r.period == 0 {
			return err
		}
		now := s.Now()
		if due := time.UnixMilli(r.next); now.Before(due) {
			outcome = store.Again(due)
			return nil
		}
		if r.state != kms.KeyStateEnabled {
			outcome = store.Again(now.Add(24 * time.Hour))
			return nil
		}
		next := now.AddDate(0, 0, int(r.period))
		outcome = store.Again(next)
		if _, err := tx.Exec(ctx, `UPDATE kms_keys SET next = $2 WHERE id = $1`, r.id, next.UnixMilli()); err != nil {
			return err
		}
		return s.rotate(ctx, tx, r.id, kms.RotationTypeAutomatic)
	})
	return outcome, err
}

// ListKeyRotations implements kms:ListKeyRotations.
func (s *Service) ListKeyRotations(ctx context.Context,
	in *kms.ListKeyRotationsInput) (*kms.ListKeyRotationsOutput, error) {
	r, err := s.find(ctx, s.db, *in.KeyId)
	if err != nil {
		return nil, err
	}
	withFirst := in.IncludeKeyMaterial == kms.IncludeKeyMaterialAllKeyMaterial
	filter := []any{r.id, withFirst}
	at, err := s.place("ListKeyRotations", filter, in.Marker)
	if err != nil {
		return nil, err
	}
	after, err := strconv.ParseInt("0"+at, 10, 64)
	if err != nil {
		return nil, err
	}
	if !withFirst {
		after = max(after, 1)
	}
	most := limit(in.Limit, 100)
	type material struct {
		version, created int64
		kind             kms.RotationType
	}
	all, err := store.All(ctx, s.db, func(r *sql.Rows) (m material, err error) {
		return m, r.Scan(&m.version, &m.created, &m.kind)
	}, `SELECT version, created, kind FROM kms_materials WHERE kms_key = $1 AND version > $2
		ORDER BY version LIMIT $3`, r.id, after, most+1)
	if err != nil {
		return nil, err
	}
	all, next := page(s, "ListKeyRotations", filter, all, most,
		func(m material) string { return strconv.FormatInt(m.version, 10) })
	out := &kms.ListKeyRotationsOutput{Rotations: []kms.RotationsListEntry{}, NextMarker: next,
		Truncated: new(next != nil)}
	for _, m := range all {
		e := kms.RotationsListEntry{KeyId: r.Arn, KeyMaterialId: new(materialID(r.id, m.version))}
		if m.kind != "" {
			e.RotationType, e.RotationDate = m.kind, &awsproto.Time{Time: time.UnixMilli(m.created)}
		}
		out.Rotations = append(out.Rotations, e)
	}
	return out, nil
}
