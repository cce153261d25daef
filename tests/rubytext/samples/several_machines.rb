require "yaml"

NODES = [
  { name: "web", ip: "192.168.56.10", memory: 512 },
  { name: "db", ip: "192.168.56.11", memory: 1024 },
].freeze

$script = <<~'SCRIPT'
  echo "#{not_ruby}"
  while true; do
    break
  done
  end
SCRIPT

Vagrant.configure(2) do |config|
  config.vm.box = "debian/bookworm64"
  NODES.each_with_index do |node, index|
    config.vm.define node[:name], primary: index.zero? do |machine|
      machine.vm.hostname = node[:name]
      machine.vm.network :private_network, ip: node[:ip]
      machine.vm.provider :virtualbox do |v, override|
        v.customize ["modifyvm", :id, "--memory", node[:memory]]
        override.vm.box = "debian/bookworm64" unless node[:name] == "web"
      end
      if node[:name] == "db"
        machine.vm.provision :shell, inline: $script
      elsif index > 3
        machine.vm.provision :shell, path: "late.sh", args: %w[one two]
      else
        machine.vm.synced_folder ".", "/vagrant", disabled: true
      end
    end
  end
end
