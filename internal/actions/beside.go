package actions

import (
	"context"
	"errors"

	"slipway/internal/actions/expression"
)

// beside starts what runs beside the steps: the containers of services.
func (j *job) beside(_ context.Context, _ contexts) error {
	j.services = expression.NewObject()
	switch {
	case j.def.Container.Has():
		return errors.New("container is not supported: the job runs in the image of its project, or of --image")
	case j.def.Services.Has():
		return errors.New("services are not supported: they need a container engine")
	}
	return nil
}
