#!/bin/sh
# Says nothing.
exec sleep 30
