Vagrant.configure("2") do |config|
  config.vm.box = "ubuntu/xenial64"
  config.vm.network "forwarded_port", guest: 80, host: 8080

  config.vm.provider "virtualbox" do |vb|
    # nothing yet
  end

  #provide docker to the VM
  config.vm.provision "docker" do |d|
  end

  config.vm.provision "shell" do |s|
    s.inline = "docker pull redis"
  end
  # config.vm.provision "shell" do |s|
  #   s.inline = "docker run redis"
  # end

end

  # An example that was left below:
  # config.vm.network "public_network"
