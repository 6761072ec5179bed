package loadbalancer

import (
	"context"
	"maps"

	"slipway/api/awsproto"
	elb "slipway/api/elbv2"
	"slipway/internal/store"
)

// DescribeTargetGroupAttributes implements elbv2:DescribeTargetGroupAttributes.
func (s *Service) DescribeTargetGroupAttributes(ctx context.Context,
	in *elb.DescribeTargetGroupAttributesInput) (*elb.DescribeTargetGroupAttributesOutput, error) {
	g, err := s.findGroup(ctx, s.db, *in.TargetGroupArn)
	if err != nil {
		return nil, err
	}
	return &elb.DescribeTargetGroupAttributesOutput{Attributes: show(groupAttributes,
		g.attributes, func(k, v *string) elb.TargetGroupAttribute {
			return elb.TargetGroupAttribute{Key: k, Value: v}
		})}, nil
}

// ModifyTargetGroupAttributes implements elbv2:ModifyTargetGroupAttributes.
func (s *Service) ModifyTargetGroupAttributes(ctx context.Context,
	in *elb.ModifyTargetGroupAttributesInput) (*elb.ModifyTargetGroupAttributesOutput, error) {
	set := map[string]string{}
	for _, a := range in.Attributes {
		set[awsproto.Value(a.Key)] = awsproto.Value(a.Value)
	}
	if err := groupAttributes.check("Target group", set); err != nil {
		return nil, err
	}
	err := s.db.Write(ctx, func(tx store.Tx) error {
		g, err := s.findGroup(ctx, tx, *in.TargetGroupArn)
		if err != nil {
			return err
		}
		maps.Copy(g.attributes, set)
		if groupAttributes.value(g.attributes, "stickiness.enabled") == "true" &&
			groupAttributes.value(g.attributes, "stickiness.type") == "app_cookie" &&
			groupAttributes.value(g.attributes, "stickiness.app_cookie.cookie_name") == "" {
			return invalid("The stickiness type 'app_cookie' needs the attribute 'stickiness.app_cookie.cookie_name'")
		}
		if _, err := tx.Exec(ctx, `UPDATE lb_groups SET attributes = $2 WHERE arn = $1`, *in.TargetGroupArn,
			store.JSON(g.attributes)); err != nil {
			return err
		}
		_, err = s.changed(ctx, tx)
		return err
	})
	if err != nil {
		return nil, err
	}
	out, err := s.DescribeTargetGroupAttributes(ctx,
		&elb.DescribeTargetGroupAttributesInput{TargetGroupArn: in.TargetGroupArn})
	if err != nil {
		return nil, err
	}
	return &elb.ModifyTargetGroupAttributesOutput{Attributes: out.Attributes}, nil
}
