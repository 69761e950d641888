"""Tests of images and manifests, offline."""
