package deploy

import (
	"context"
	"encoding/json"
	"slices"

	"slipway/api/awsproto"
	cd "slipway/api/codedeploy"
	"slipway/internal/event"
	"slipway/internal/store"
)

// triggerEnd tells the group's triggers how a deployment ended.
func (s *Service) triggerEnd(ctx context.Context, tx store.Tx, g *group, d *deployment) error {
	what, ok := map[cd.DeploymentStatus]cd.TriggerEventType{
		cd.DeploymentStatusSucceeded: cd.TriggerEventTypeDeploymentSuccess,
		cd.DeploymentStatusFailed:    cd.TriggerEventTypeDeploymentFailure,
		cd.DeploymentStatusStopped:   cd.TriggerEventTypeDeploymentStop,
	}[d.info.Status]
	if !ok {
		return nil
	}
	return s.trigger(ctx, tx, g, d, what)
}

// trigger tells the topics of a group's triggers that ask for an event of a deployment.
func (s *Service) trigger(ctx context.Context, tx store.Tx, g *group, d *deployment, what cd.TriggerEventType) error {
	for _, t := range g.TriggerConfigurations {
		if t.TriggerTargetArn == nil || !slices.Contains(t.TriggerEvents, what) {
			continue
		}
		text, err := json.Marshal(s.triggerMessage(&t, d, what))
		if err != nil {
			return err
		}
		err = event.Noticed.Publish(ctx, tx, d.id+" "+string(what)+" "+*t.TriggerTargetArn, event.Notice{
			Topic:   *t.TriggerTargetArn,
			Subject: string(d.info.Status) + ": AWS CodeDeploy " + d.id + " in " + s.Region,
			Text:    string(text),
			Service: RolePrincipal,
			Role:    awsproto.Value(g.ServiceRoleArn),
			Session: d.id,
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// triggerMessage is what CodeDeploy tells a topic ("JSON data formats for CodeDeploy triggers").
func (s *Service) triggerMessage(t *cd.TriggerConfig, d *deployment, what cd.TriggerEventType) map[string]string {
	const stamp = "Mon Jan 02 15:04:05 MST 2006"
	m := map[string]string{
		"region":              s.Region,
		"accountId":           s.Account,
		"eventTriggerName":    awsproto.Value(t.TriggerName),
		"applicationName":     awsproto.Value(d.info.ApplicationName),
		"deploymentId":        d.id,
		"deploymentGroupName": awsproto.Value(d.info.DeploymentGroupName),
		"createTime":          d.info.CreateTime.UTC().Format(stamp),
		"status":              string(d.info.Status),
		"event":               string(what),
	}
	if d.info.CompleteTime != nil {
		m["completeTime"] = d.info.CompleteTime.UTC().Format(stamp)
	}
	if e := d.info.ErrorInformation; e != nil {
		if text, err := json.Marshal(map[string]string{"ErrorCode": string(e.Code),
			"ErrorMessage": awsproto.Value(e.Message)}); err == nil {
			m["errorInformation"] = string(text)
		}
	}
	return m
}
