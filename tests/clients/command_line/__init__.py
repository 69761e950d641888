"""Tests of the program `crossrank`."""
