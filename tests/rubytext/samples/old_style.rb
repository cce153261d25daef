Vagrant::Config.run do |config|
  config.vm.box = "lucid32"
  config.vm.forward_port 80, 8080
  config.vm.share_folder "v-data", "/data", "data"

  config.vm.provision :chef_solo do |chef|
    chef.cookbooks_path = "cookbooks"
    chef.add_recipe "mysql"
    chef.json = { :mysql => { :port => 3306 } }
  end

  [:app, :db].each do |role|
    config.vm.define role do |c|
      c.vm.host_name = "#{role}.local"
      c.vm.network :hostonly, role == :app ? "10.0.0.2" : "10.0.0.3"
    end
  end
end
