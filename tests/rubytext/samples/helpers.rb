# coding: utf-8
module Settings
  DEFAULTS = { "cpus" => 1, "end" => "of line", if: 3, do: 4 }

  def self.load(file)
    return DEFAULTS unless File.exist?(file)
    DEFAULTS.merge(YAML.load_file(file) || {})
  rescue Errno::ENOENT => error
    warn "no #{file}: #{error.message}"
    DEFAULTS
  ensure
    puts "done" if $DEBUG
  end

  def self.cpus = DEFAULTS["cpus"]

  class << self
    def memory(host)
      case host
      when /darwin/ then `sysctl -n hw.memsize`.to_i / 1024 / 1024
      when /linux/
        File.read("/proc/meminfo")[/MemTotal:\s+(\d+)/, 1].to_i / 1024
      else
        1024
      end
    end
  end
end

required = %w(vagrant-vbguest vagrant-hostmanager)
missing = required.reject { |name| Vagrant.has_plugin?(name) }
unless missing.empty?
  begin
    system "vagrant plugin install #{missing.join(' ')}"
  rescue StandardError
    abort "could not install #{missing.map { |m| "<#{m}>" }.join(', ')}"
  end
end

Vagrant.configure('2') do |config|
  config.vm.box = 'bento/ubuntu-22.04'
  config.vm.box_check_update = false
  config.ssh.forward_agent = true
  settings = Settings.load(File.join(__dir__, 'settings.yml'))
  mem = if settings['memory'] == 'auto'
          Settings.memory(RbConfig::CONFIG['host_os']) / 4
        else
          settings['memory'] || 1024
        end

  config.vm.provider 'virtualbox' do |vb|
    vb.gui = false
    vb.memory = mem
    vb.customize ['setextradata', :id, "VBoxInternal2/SharedFoldersEnableSymlinksCreate//vagrant", '1']
  end
  %w[/vagrant /data].each { |path| config.vm.synced_folder '.', path, type: 'nfs' }
  i = 0
  while i < 3 do
    config.vm.network 'forwarded_port', guest: 8000 + i, host: 9000 + i
    i += 1
  end
  config.trigger.after :up do |trigger|
    trigger.info = 'The end.'
    trigger.run = { inline: "echo up" }
  end
end
