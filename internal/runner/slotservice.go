package runner

import (
	"context"
	"errors"

	"slipway/internal/runner/room"
)

var errNoEngine = errors.New("this runner has no container engine, which services, docker actions and jobs with " +
	"container need")

func (s slotExecutor) services() (room.Services, error) {
	if of, ok := s.executor.(room.Services); ok {
		return of, nil
	}
	return nil, errNoEngine
}

// Serve implements room.Services, if the executor has containers.
func (s slotExecutor) Serve(ctx context.Context, dir string, of room.Service,
	say func(string)) (room.Serving, error) {
	services, err := s.services()
	if err != nil {
		return room.Serving{}, err
	}
	return services.Serve(ctx, dir, of, say)
}

// Dismiss implements room.Services.
func (s slotExecutor) Dismiss(id string) (*room.ServiceEnd, error) {
	services, err := s.services()
	if err != nil {
		return nil, err
	}
	return services.Dismiss(id)
}

// Ended implements room.Services.
func (s slotExecutor) Ended(ctx context.Context, id string) (room.ServiceEnd, error) {
	services, err := s.services()
	if err != nil {
		return room.ServiceEnd{}, err
	}
	return services.Ended(ctx, id)
}

// BuildImage implements room.Services.
func (s slotExecutor) BuildImage(ctx context.Context, r room.Recipe, say func(string)) (string, error) {
	services, err := s.services()
	if err != nil {
		return "", err
	}
	return services.BuildImage(ctx, r, say)
}
