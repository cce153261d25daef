# -*- mode: ruby -*-
# vi: set ft=ruby :

Vagrant.configure("2") do |config|
  config.vm.box = "ubuntu/jammy64"
  config.vm.hostname = "week-end"

  # The app; do not end here.
  config.vm.network "forwarded_port", guest: 5050, host: 8080, auto_correct: true

  config.vm.provider "virtualbox" do |vb|
    vb.memory = 2048
    vb.cpus = 2 if ENV["FAST"]
  end

  config.vm.provision "docker" do |d|
    d.pull_images "redis"
    d.run "redis", args: "-p 6379:6379"
  end

  config.vm.provision "shell", inline: <<-SHELL
    if [ ! -e /opt/done ]; then
      apt-get update
      do_something && echo end
    fi
    for i in 1 2 3; do echo $i; done
  SHELL
end
