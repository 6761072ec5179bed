package build

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/google/uuid"

	"slipway/api/awsproto"
	cb "slipway/api/codebuild"
	"slipway/internal/build/fleet"
	"slipway/internal/store"
)

// maxFleets bounds how many fleets there are.
const maxFleets = 100

// fleetNotice says to the other servers that the fleets were changed.
const fleetNotice = "build.fleets"

// knownFleets are the fleets by their ARNs, kept in memory until somebody changes them. What may run is decided by
// those in the database.
type knownFleets struct {
	mu    sync.Mutex
	known bool
	byARN map[string]*cb.Fleet
}

func (k *knownFleets) forget() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.known = false
}

// overflows reports whether a fleet is known to be ON_DEMAND, for what is said about a build of it.
func (k *knownFleets) overflows(arn string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	f := k.byARN[arn]
	return f != nil && f.OverflowBehavior == cb.FleetOverflowBehaviorOnDemand
}

// fleetsByARN returns all fleets. They are not to be changed.
func (s *Service) fleetsByARN(ctx context.Context) (map[string]*cb.Fleet, error) {
	s.fleets.mu.Lock()
	defer s.fleets.mu.Unlock()
	if s.fleets.known {
		return s.fleets.byARN, nil
	}
	all, err := store.Documents[cb.Fleet](ctx, s.db, `SELECT doc FROM fleets`)
	if err != nil {
		return nil, err
	}
	s.fleets.known, s.fleets.byARN = true, map[string]*cb.Fleet{}
	for _, f := range all {
		s.fleets.byARN[*f.Arn] = f
	}
	return s.fleets.byARN, nil
}

// fleetsChanged lets every server read the fleets anew and its runners look into the queue, once tx is committed.
func (s *Service) fleetsChanged(tx store.Tx) {
	tx.Notify(fleetNotice, "")
	tx.AfterCommit(s.readFleetsAnew)
	s.Hints.Changed(tx, "builds")
}

func (s *Service) readFleetsAnew() {
	s.fleets.forget()
	s.runners.wakeAll()
}

// fleetName is the name of a fleet in its ARN, arn:aws:codebuild:REGION:ACCOUNT:fleet/NAME:UUID; "" if it is no such.
func fleetName(arn string) string {
	_, rest, _ := strings.Cut(arn, ":fleet/")
	name, _, _ := strings.Cut(rest, ":")
	return name
}

// fleetARN returns the ARN of the fleet that an environment names, "" if it names none.
func fleetARN(e *cb.ProjectEnvironment) string {
	if e == nil || e.Fleet == nil {
		return ""
	}
	return awsproto.Value(e.Fleet.FleetArn)
}

// checkFleetARN refuses what can be no fleet's ARN here.
func (s *Service) checkFleetARN(arn string) error {
	name, unique, ok := strings.Cut(strings.TrimPrefix(arn, s.arn("fleet", "")), ":")
	if !strings.HasPrefix(arn, s.arn("fleet", "")) || !ok || name == "" || unique == "" {
		return invalid("Invalid fleet ARN: %q is not %s.", arn, s.arn("fleet", "NAME:UUID"))
	}
	return nil
}

// decided is a fleet as decisions see it.
func decided(f *cb.Fleet) fleet.Fleet {
	d := fleet.Fleet{
		Name:     *f.Name,
		Base:     int(awsproto.Value(f.BaseCapacity)),
		Max:      int(awsproto.Value(f.BaseCapacity)),
		Overflow: f.OverflowBehavior == cb.FleetOverflowBehaviorOnDemand,
	}
	if c := f.ScalingConfiguration; c != nil {
		d.Max = max(d.Base, int(awsproto.Value(c.MaxCapacity)))
		for _, t := range c.TargetTrackingScalingConfigs {
			d.Target = awsproto.Value(t.TargetValue)
		}
	}
	return d
}

// CreateFleet implements codebuild:CreateFleet. The fleet is ACTIVE at once: its machines are the runners that join it.
func (s *Service) CreateFleet(ctx context.Context, in *cb.CreateFleetInput) (*cb.CreateFleetOutput, error) {
	now := awsproto.At(s.Now())
	id := uuid.NewString()
	f := &cb.Fleet{
		Arn:                  new(s.arn("fleet", *in.Name+":"+id)),
		Name:                 in.Name,
		Id:                   &id,
		Created:              now,
		LastModified:         now,
		BaseCapacity:         in.BaseCapacity,
		EnvironmentType:      in.EnvironmentType,
		ComputeType:          in.ComputeType,
		ScalingConfiguration: scaling(in.ScalingConfiguration),
		OverflowBehavior:     in.OverflowBehavior,
		VpcConfig:            in.VpcConfig,
		FleetServiceRole:     in.FleetServiceRole,
		Tags:                 in.Tags,
		ComputeConfiguration: in.ComputeConfiguration,
		ProxyConfiguration:   in.ProxyConfiguration,
		ImageId:              in.ImageId,
	}
	if f.OverflowBehavior == "" {
		f.OverflowBehavior = cb.FleetOverflowBehaviorQueue
	}
	if err := s.checkFleet(ctx, f); err != nil {
		return nil, err
	}
	err := s.db.Write(ctx, func(tx store.Tx) error {
		if err := roomForFleet(ctx, tx, f); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `INSERT INTO fleets (arn, name, doc, created, modified) VALUES ($1, $2, $3, $4, $4)`,
			*f.Arn, *f.Name, store.JSON(f), now.UnixMilli())
		s.fleetsChanged(tx)
		return err
	})
	if err != nil {
		return nil, err
	}
	shown, err := s.shownFleet(ctx, f)
	return &cb.CreateFleetOutput{Fleet: shown}, err
}

// roomForFleet refuses a name that is taken, and one fleet more than there may be.
func roomForFleet(ctx context.Context, tx store.Tx, f *cb.Fleet) error {
	var arn string
	taken, err := store.Find(ctx, tx, []any{&arn}, `SELECT arn FROM fleets WHERE name = $1`, *f.Name)
	if err != nil {
		return err
	}
	if taken {
		return &cb.ResourceAlreadyExistsException{Message: "Fleet already exists: " + arn}
	}
	var n int
	if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM fleets`).Scan(&n); err != nil {
		return err
	}
	if n >= maxFleets {
		return &cb.AccountLimitExceededException{
			Message: fmt.Sprintf("Cannot have more than %d fleets. Delete one: aws codebuild delete-fleet", maxFleets)}
	}
	return nil
}

func (s *Service) fleet(ctx context.Context, q store.Queryer, arn string) (*cb.Fleet, error) {
	f, err := store.Document[cb.Fleet](ctx, q, `SELECT doc FROM fleets WHERE arn = $1`, arn)
	if err == nil && f == nil {
		err = &cb.ResourceNotFoundException{Message: "Fleet cannot be found: " + arn}
	}
	return f, err
}

// UpdateFleet implements codebuild:UpdateFleet: what is absent stays as it is. An empty scalingConfiguration, VPC or
// list of tags takes away what was there. Builds that run go on.
func (s *Service) UpdateFleet(ctx context.Context, in *cb.UpdateFleetInput) (*cb.UpdateFleetOutput, error) {
	if err := s.checkFleetARN(*in.Arn); err != nil {
		return nil, err
	}
	var f *cb.Fleet
	err := s.db.Write(ctx, func(tx store.Tx) (err error) {
		if f, err = s.fleet(ctx, tx, *in.Arn); err != nil {
			return err
		}
		changeFleet(f, in)
		f.LastModified = awsproto.At(s.Now())
		if err := s.checkFleet(ctx, f); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `UPDATE fleets SET doc = $2, modified = $3 WHERE arn = $1`, *f.Arn, store.JSON(f),
			f.LastModified.UnixMilli())
		s.fleetsChanged(tx)
		return err
	})
	if err != nil {
		return nil, err
	}
	shown, err := s.shownFleet(ctx, f)
	return &cb.UpdateFleetOutput{Fleet: shown}, err
}

// changeFleet copies what an update gives.
func changeFleet(f *cb.Fleet, in *cb.UpdateFleetInput) {
	set(&f.BaseCapacity, in.BaseCapacity)
	set(&f.FleetServiceRole, in.FleetServiceRole)
	set(&f.ProxyConfiguration, in.ProxyConfiguration)
	set(&f.ImageId, in.ImageId)
	set(&f.ComputeConfiguration, in.ComputeConfiguration)
	setList(&f.Tags, in.Tags)
	if in.EnvironmentType != "" {
		f.EnvironmentType = in.EnvironmentType
	}
	if in.ComputeType != "" {
		f.ComputeType = in.ComputeType
	}
	if in.OverflowBehavior != "" {
		f.OverflowBehavior = in.OverflowBehavior
	}
	if in.ScalingConfiguration != nil {
		f.ScalingConfiguration = scaling(in.ScalingConfiguration)
	}
	if set(&f.VpcConfig, in.VpcConfig); f.VpcConfig != nil && f.VpcConfig.VpcId == nil {
		f.VpcConfig = nil
	}
}

// scaling is how a fleet scales; nil if it does not.
func scaling(in *cb.ScalingConfigurationInput) *cb.ScalingConfigurationOutput {
	if in == nil || in.ScalingType == "" && in.MaxCapacity == nil && len(in.TargetTrackingScalingConfigs) == 0 {
		return nil
	}
	return &cb.ScalingConfigurationOutput{
		ScalingType:                  in.ScalingType,
		MaxCapacity:                  in.MaxCapacity,
		TargetTrackingScalingConfigs: in.TargetTrackingScalingConfigs,
	}
}

// DeleteFleet implements codebuild:DeleteFleet; an unknown ARN is no error. Its builds are not deleted: those that run
// go on, and a job ends those that wait for a runner of the fleet.
func (s *Service) DeleteFleet(ctx context.Context, in *cb.DeleteFleetInput) (*cb.DeleteFleetOutput, error) {
	if err := s.checkFleetARN(*in.Arn); err != nil {
		return nil, err
	}
	return nil, s.db.Write(ctx, func(tx store.Tx) error {
		if _, err := tx.Exec(ctx, `DELETE FROM fleets WHERE arn = $1`, *in.Arn); err != nil {
			return err
		}
		s.fleetsChanged(tx)
		return tx.Enqueue(ctx, store.Job{Kind: jobFleet, Key: *in.Arn})
	})
}

// atOnce is how many builds of a deleted fleet end in one transaction.
const atOnce = 100

// endFleet ends the builds that wait for a fleet that is no more.
func (s *Service) endFleet(ctx context.Context, j store.Running) (store.Outcome, error) {
	more := false
	err := s.db.Write(ctx, func(tx store.Tx) error {
		var name string
		there, err := store.Find(ctx, tx, []any{&name}, `SELECT name FROM fleets WHERE arn = $1`, j.Key)
		if err != nil {
			return err
		}
		var rows []*row
		if !there {
			rows, err = many(ctx, tx, `WHERE state = 'queued' AND fleet = $1 ORDER BY seq LIMIT $2`, j.Key, atOnce)
		}
		for i := 0; err == nil && i < len(rows); i++ {
			_, err = s.apply(ctx, tx, rows[i], FleetGone{fleetName(j.Key)}, nil)
		}
		if more = len(rows) == atOnce; err != nil || more {
			return err
		}
		return store.End(ctx, tx)
	})
	if err == nil && more {
		return store.Again(s.Now()), nil
	}
	return store.Done, err
}
