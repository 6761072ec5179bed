package monitor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"time"

	"slipway/api/awsproto"
	cw "slipway/api/cloudwatch"
	"slipway/internal/release/alarm"
)

const (
	// queryTimeout bounds how long a Prometheus server may take.
	queryTimeout = 10 * time.Second
	// maxResult bounds what is read of its answer.
	maxResult = 4 << 20
)

// errQuery is a query that is wrong; the server's other errors may pass.
type errQuery struct{ error }

// ask evaluates a query at a time.
func (s *Service) ask(ctx context.Context, query string, at time.Time) ([]alarm.Sample, error) {
	if s.Prometheus == nil {
		return nil, errQuery{errors.New("this server knows no Prometheus; start it with --prometheus URL")}
	}
	form := url.Values{
		"query":   {query},
		"time":    {strconv.FormatFloat(float64(at.UnixMilli())/1000, 'f', 3, 64)},
		"timeout": {queryTimeout.String()},
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.Prometheus.JoinPath("api/v1/query").String(),
		strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := s.HTTP.Do(r)
	if err != nil {
		return nil, err // names the address, without its password
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxResult+1))
	if err != nil {
		return nil, fmt.Errorf("read Prometheus' answer: %w", err)
	}
	if len(body) > maxResult {
		return nil, errQuery{fmt.Errorf("the answer is larger than %d MiB; a query that returns less is needed",
			maxResult>>20)}
	}
	return read(resp.StatusCode, body)
}

// read takes the vector out of an answer of Prometheus' HTTP API.
func read(status int, body []byte) ([]alarm.Sample, error) {
	var answer struct {
		Status, ErrorType, Error string
		Data                     struct {
			ResultType string
			Result     json.RawMessage
		}
	}
	if err := json.Unmarshal(body, &answer); err != nil || answer.Status == "" {
		return nil, fmt.Errorf("what answered %d is no Prometheus: %.100q", status, bytes.TrimSpace(body))
	}
	if answer.Status != "success" {
		err := fmt.Errorf("Prometheus answered %s: %s", answer.ErrorType, answer.Error) //nolint:staticcheck // a name
		if answer.ErrorType == "bad_data" || answer.ErrorType == "execution" {
			return nil, errQuery{err}
		}
		return nil, err
	}
	if answer.Data.ResultType != "vector" {
		return nil, errQuery{fmt.Errorf("the query returns a %s, and must return a vector", answer.Data.ResultType)}
	}
	var vector []struct {
		Metric map[string]string
		Value  [2]any
	}
	if err := json.Unmarshal(answer.Data.Result, &vector); err != nil {
		return nil, fmt.Errorf("read Prometheus' vector: %w", err)
	}
	out := make([]alarm.Sample, len(vector))
	for i, v := range vector {
		number, _ := v.Value[1].(string)
		value, err := strconv.ParseFloat(number, 64)
		if err != nil {
			return nil, fmt.Errorf("read Prometheus' vector: a value is %.50v", v.Value[1])
		}
		out[i] = alarm.Sample{Labels: v.Metric, Value: value}
	}
	return out, nil
}

// evaluateQuery evaluates a PromQL alarm. Without an answer its state is not known.
func (s *Service) evaluateQuery(ctx context.Context, w *scheduled) error {
	criteria := w.EvaluationCriteria.PromQLCriteria
	now := s.Now()
	result, err := s.ask(ctx, *criteria.Query, now)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		kind := cw.EvaluationStateEvaluationFailure
		if _, ok := errors.AsType[errQuery](err); ok {
			kind = cw.EvaluationStateEvaluationError
		}
		reason := "The query could not be evaluated: " + err.Error()
		if w.StateValue == cw.StateValueInsufficientData && w.EvaluationState == kind &&
			awsproto.Value(w.StateReason) == reason {
			return nil
		}
		return s.conclude(ctx, w, nil, func(x *row) (cw.StateValue, string, string) {
			x.evaluationState(kind)
			return cw.StateValueInsufficientData, reason, ""
		})
	}
	query := alarm.Query{Pending: seconds(criteria.PendingPeriod), Recovery: seconds(criteria.RecoveryPeriod)}
	contributors, state := query.After(w.contributors, result, now)
	if state == w.StateValue && w.EvaluationState == "" && same(contributors, w.contributors) {
		return nil
	}
	return s.conclude(ctx, w, contributors, func(x *row) (cw.StateValue, string, string) {
		x.evaluationState("")
		return state, alarm.QueryReason(contributors), ""
	})
}

// evaluationState sets whether an alarm can be evaluated.
func (x *row) evaluationState(v cw.EvaluationState) {
	changed := *x.MetricAlarm
	changed.EvaluationState = v
	x.MetricAlarm = &changed
}

// same compares contributors but for their values, which move all the time.
func same(a, b map[string]alarm.Contributor) bool {
	return maps.EqualFunc(a, b, func(x, y alarm.Contributor) bool {
		x.Value, y.Value = 0, 0
		return x.Since.Equal(y.Since) && x.Absent == y.Absent && x.Alarm == y.Alarm &&
			reflect.DeepEqual(x.Labels, y.Labels)
	})
}
