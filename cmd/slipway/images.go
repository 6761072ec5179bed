package main

import (
	"context"
	"time"

	"slipway/api/slipway"
	"slipway/internal/terminal"
)

type imagesCommand struct {
	List   imagesListCommand   `cmd:"" default:"withargs" help:"List what stands for CodeBuild's own images."`
	Set    imagesSetCommand    `cmd:"" help:"Let an image stand for one of CodeBuild's own."`
	Delete imagesDeleteCommand `cmd:"" help:"Take back what stands for an image: its builds run on the runner's machine then."`
}

func (*imagesCommand) Help() string { return (*imagesListCommand)(nil).Help() }

type imagesListCommand struct {
	client
	printer
}

func (*imagesListCommand) Help() string {
	return "Projects name images of CodeBuild's own (aws/codebuild/standard:7.0), which nobody else can pull. Builds " +
		"run in what stands for them here, or on the runner's machine if nothing does.\n\n" +
		"  slipway images\n" +
		"  slipway images set aws/codebuild/standard:7.0 registry.example.com/ci/standard:7\n" +
		"  slipway images set 'aws/codebuild/*' debian:12"
}

func (c *imagesListCommand) Run(ctx context.Context) error {
	api, err := c.contract()
	if err != nil {
		return err
	}
	out, err := api.slipway.ListImages(ctx, &slipway.ListImagesInput{})
	if err != nil {
		return err
	}
	now := time.Now()
	return c.print(out, func(t *terminal.Table) {
		t.Head("NAME", "STANDS FOR IT", "SET")
		for _, i := range out.Images {
			t.Row(terminal.Pointed(i.Name), terminal.Pointed(i.Image), terminal.Text(terminal.Ago(i.ChangeTime, now)))
		}
		if len(out.Images) == 0 {
			t.Note("Nothing stands for an image. Builds that name one of CodeBuild's own run on the runner's machine.")
		}
	})
}

type imagesSetCommand struct {
	client
	Name  string `arg:"" help:"One of CodeBuild's own images, or the start of such names with * behind it."`
	Image string `arg:"" help:"The image that builds run in."`
}

func (c *imagesSetCommand) Run(ctx context.Context) error {
	api, err := c.contract()
	if err != nil {
		return err
	}
	_, err = api.slipway.PutImage(ctx, &slipway.PutImageInput{Name: &c.Name, Image: &c.Image})
	return err
}

type imagesDeleteCommand struct {
	client
	Name string `arg:"" help:"The name, as slipway images lists it."`
}

func (c *imagesDeleteCommand) Run(ctx context.Context) error {
	api, err := c.contract()
	if err != nil {
		return err
	}
	_, err = api.slipway.DeleteImage(ctx, &slipway.DeleteImageInput{Name: &c.Name})
	return err
}
