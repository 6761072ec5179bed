package actions

import (
	"context"
	"fmt"
)

// docker runs the container of an action.
func (u *use) docker(context.Context) error {
	return fmt.Errorf("the action %s runs in a container of its own, which a build cannot start", u.step.Uses)
}
