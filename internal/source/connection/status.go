package connection

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"slipway/api/awsproto"
	"slipway/internal/forge"
	"slipway/internal/store"
)

// statusJob sends the status of a commit to its forge. Its key is the execution of the pipeline that the status is of,
// and the source action.
const statusJob = "connection.status"

// statusAttempts is how often a status is sent until it is given up, which takes some hours. The next status of the
// execution is sent all the same.
const statusAttempts = 60

// CommitStatus is a status for a commit of a connection's repository.
type CommitStatus struct {
	Connection string       `json:"connection"` // an ARN
	Repository string       `json:"repository"`
	Commit     string       `json:"commit"`
	Status     forge.Status `json:"status"`
}

// PutStatus sends a status by a job, with the writes of tx. A status with the same key that was not sent yet is not
// sent any more.
func (s *Service) PutStatus(ctx context.Context, tx store.Tx, key string, of CommitStatus) error {
	return tx.Enqueue(ctx, store.Job{Kind: statusJob, Key: key, Payload: of})
}

// tellStatus sends a status. One that the forge will never take is given up: it is not the pipeline's fault.
func (s *Service) tellStatus(ctx context.Context, j store.Running) (store.Outcome, error) {
	var of CommitStatus
	if err := j.Decode(&of); err != nil {
		return store.Undecodable(err), nil
	}
	c, err := s.available(ctx, of.Connection)
	if awsproto.Code(err) != "" {
		return store.Done, nil // it was deleted, or has no token
	}
	if err != nil {
		return store.Done, err
	}
	a := s.api(c)
	if a == nil || checkRepository(of.Repository) != nil {
		return store.Done, nil
	}
	err = a.SetStatus(ctx, of.Repository, of.Commit, of.Status)
	refused, ok := errors.AsType[*forge.CallError](err)
	if !ok {
		return store.Done, err
	}
	s.Log.Warn("a commit's status is not taken", "connection", *c.doc.ConnectionName, "repository", of.Repository,
		"commit", of.Commit, "state", of.Status.State, "error", refused)
	switch refused.Status {
	case http.StatusForbidden, http.StatusTooManyRequests:
		if seconds, err := strconv.Atoi(refused.Wait); err == nil {
			return store.Again(s.Now().Add(time.Duration(min(seconds, 3600)) * time.Second)), nil
		}
		return store.Done, refused
	case http.StatusUnauthorized, http.StatusNotFound, http.StatusUnprocessableEntity, http.StatusBadRequest:
		return store.Done, nil
	}
	return store.Done, refused
}
