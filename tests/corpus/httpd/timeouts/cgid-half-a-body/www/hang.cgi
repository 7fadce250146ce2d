#!/bin/sh
# Begins an answer and stops.
printf 'Content-Type: text/plain\r\nContent-Length: 100\r\n\r\nhalf'
exec sleep 30
