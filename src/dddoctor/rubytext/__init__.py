"""Ruby text, as far as a Vagrantfile needs it: what keeps it from parsing, and what it tells Vagrant. Nothing is executed."""
