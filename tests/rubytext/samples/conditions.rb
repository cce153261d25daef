require 'json'
vagrant_root = File.dirname(File.expand_path(__FILE__))
local = File.exist?("#{vagrant_root}/local.json") ? JSON.parse(File.read("#{vagrant_root}/local.json")) : {}

def setting(local, name, default = nil)
  value = local.fetch(name) { default }
  value.respond_to?(:strip) ? value.strip : value
end

Vagrant.require_version ">= 2.2"
Vagrant.configure("2") do |config|
  config.vm.box = setting(local, "box", "hashicorp/bionic64")

  # begin of the network
  case setting(local, "network")
  when "private"
    config.vm.network "private_network", type: "dhcp"
  when "public", nil
    config.vm.network "public_network", bridge: [
      "en0: Wi-Fi",
      "en1: Thunderbolt",
    ]
  end

  (1..setting(local, "workers", 2)).each do |number|
    config.vm.define "worker-#{number}" do |worker|
      worker.vm.hostname = "worker-#{number}"
      worker.vm.provision "shell" do |s|
        s.env = { "DD_HOSTNAME" => "worker-#{number}" }
        s.inline = <<~SHELL
          echo "#{number}" > /etc/worker
        SHELL
      end
    end
  end

  unless local["slow"]
    config.vm.provider "virtualbox" do |vb|
      vb.cpus = 4
    end
  end

  config.vm.provider "libvirt" do |lv|
    lv.memory = 4096
  end if RUBY_PLATFORM =~ /linux/

  local.fetch("folders", []).each do |folder|
    next if folder["off"]

    config.vm.synced_folder folder["from"], folder["to"], **folder.fetch("options", {}).transform_keys(&:to_sym)
  end
  config.vm.provision("shell", inline: "echo last") { |s| s.privileged = false }
end
