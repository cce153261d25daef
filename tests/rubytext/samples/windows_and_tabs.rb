Vagrant.configure("2") do |config|
	config.vm.box = "ubuntu/focal64"
	config.vm.provider :virtualbox do |v|
		v.memory = 1024
		v.customize ["modifyvm", :id, "--natdnshostresolver1", "on"]
	end

	config.vm.provision :shell do |shell|
		shell.inline = "echo one; echo two"
	end

	config.vm.provision :shell, :inline => "echo three", :run => "always"

	if Vagrant.has_plugin?("vagrant-cachier")
		config.cache.scope = :box
	end
	config.vm.define "one" do |one|
		one.vm.hostname = "one"
	end
	config.vm.define "two" do |two|
		two.vm.hostname = "two"
	end
end
