// Package choice opens rooms in containers or on this machine, as a build wants.
package choice

import (
	"context"
	"errors"
	"slices"

	"slipway/internal/runner/room"
)

// Opener opens rooms of one sort.
type Opener interface {
	Open(ctx context.Context, s room.Spec) (room.Room, error)
	Recover(dir string) error
	Labels() []string
}

// Executor opens the rooms of builds with an image in one way, and the others in another.
type Executor struct {
	Host       Opener // nil if this runner runs nothing on its own machine
	Containers Opener // nil if it has no container engine
	// NoHost and NoContainers say why there is none.
	NoHost, NoContainers string
}

// Open opens a room where its specification wants it.
func (e *Executor) Open(ctx context.Context, s room.Spec) (room.Room, error) {
	of, why := e.Host, e.NoHost
	if s.Image != "" {
		of, why = e.Containers, e.NoContainers
	}
	if of == nil {
		return nil, errors.New(why)
	}
	return of.Open(ctx, s)
}

// Recover removes what rooms below dir have left that an earlier process opened. Containers go first, since their
// folders are shown in them.
func (e *Executor) Recover(dir string) error {
	var errs []error
	for _, of := range []Opener{e.Containers, e.Host} {
		if of != nil {
			errs = append(errs, of.Recover(dir))
		}
	}
	return errors.Join(errs...)
}

// Labels says what the executor can: all that either can.
func (e *Executor) Labels() []string {
	var all []string
	for _, of := range []Opener{e.Host, e.Containers} {
		if of == nil {
			continue
		}
		for _, l := range of.Labels() {
			if !slices.Contains(all, l) {
				all = append(all, l)
			}
		}
	}
	return all
}

// Serve implements room.Services by the containers.
func (e *Executor) Serve(ctx context.Context, dir string, s room.Service, say func(string)) (room.Serving, error) {
	of, err := e.services()
	if err != nil {
		return room.Serving{}, err
	}
	return of.Serve(ctx, dir, s, say)
}

// Dismiss implements room.Services.
func (e *Executor) Dismiss(id string) (*room.ServiceEnd, error) {
	of, err := e.services()
	if err != nil {
		return nil, err
	}
	return of.Dismiss(id)
}

// Ended implements room.Services.
func (e *Executor) Ended(ctx context.Context, id string) (room.ServiceEnd, error) {
	of, err := e.services()
	if err != nil {
		return room.ServiceEnd{}, err
	}
	return of.Ended(ctx, id)
}

// BuildImage implements room.Services.
func (e *Executor) BuildImage(ctx context.Context, r room.Recipe, say func(string)) (string, error) {
	of, err := e.services()
	if err != nil {
		return "", err
	}
	return of.BuildImage(ctx, r, say)
}

func (e *Executor) services() (room.Services, error) {
	of, ok := e.Containers.(room.Services)
	if !ok {
		return nil, errors.New(e.NoContainers)
	}
	return of, nil
}
