"""What the machine of a tree says of its httpd: asked by one constant script, read by pure parsers."""
