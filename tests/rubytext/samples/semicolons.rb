Vagrant.configure("2") do |config|
  config.vm.box = "centos/7"; config.vm.hostname = "c7"
  config.vm.provider("virtualbox") do |v| v.memory = 1024; v.cpus = 1 end
  config.vm.provision "shell", inline: "echo 'do'; echo \"end\""
  [80, 443].each do |port| config.vm.network :forwarded_port, guest: port, host: port + 8000 end
  config.vm.provision "shell", path: (File.exist?("a.sh") ? "a.sh" : "b.sh") if true
  config.vm.define :solo do |solo|
    solo.vm.provision :shell, inline: %q(echo {nested} end)
    solo.vm.provision :shell, inline: %Q{echo #{1 + 1} (do)}
  end
end
